"""What is read from the stored tickets as a whole: reports, exports, the check of the event history."""
