"""What people see: results as text, progress bars."""
