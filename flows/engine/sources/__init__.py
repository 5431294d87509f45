"""Where knowledge from outside a campaign comes from: earlier campaigns, tables of others, foreign planners."""
