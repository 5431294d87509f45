"""The service: campaigns over HTTP, for programs that ask and tell and for people who look."""
