"""What adapters share: options and limits, and files that survive whatever is killed."""
