"""What a feature set's Parquet files hold, and how rows are added to them."""
