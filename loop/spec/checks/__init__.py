"""What can be wrong with a campaign file whose lines are each right: ``whole`` goes through all of it."""
