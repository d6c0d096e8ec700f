"""What crosses the floors: addresses, what people do, forms, views. Values, no behaviour."""
