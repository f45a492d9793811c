"""What this machine and installation have, and where golfctl keeps what it makes for them."""
