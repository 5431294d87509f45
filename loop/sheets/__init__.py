"""Tables as spreadsheets write them: files and workbooks, their headers and rows, and what a cell says."""
