"""Tables on disk between hakken and whoever carries experiments out: worksheets, commands and responses."""
