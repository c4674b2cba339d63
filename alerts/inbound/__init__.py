"""What people say of alerts in the tools that were told of them, and how it comes back."""
