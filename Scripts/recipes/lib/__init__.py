"""What the recipes share: reading, sorting on disk, counting without looking ahead, writing."""
