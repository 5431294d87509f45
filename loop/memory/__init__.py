"""What a campaign knows before its first result: earlier campaigns, tables of the literature, a chemist's guess.

Each becomes a hint: a function of the candidates that may resemble the response. Members of the committee that follow
a hint compete with members that do not, by what they say of this campaign's own results; a hint that does not help is
dropped (docs/decisions/0009).
"""
