"""What a camera's stream asks of a build beyond single pictures: that it neither flickers nor shows seams."""
