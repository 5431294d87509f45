"""What adapters share: options and limits, errors, and files that survive whatever is killed."""
