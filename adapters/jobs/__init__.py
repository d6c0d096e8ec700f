"""Work shared by the replicas of a desk: procrastinate on their PostgreSQL."""
