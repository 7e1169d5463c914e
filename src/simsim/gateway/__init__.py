"""nginx before an API: its configuration rendered, its process run. Nothing reaches the API without the gate's word."""
