"""The console's sessions: their owner sees and ends them, they end in time, and the database opens none."""
