"""Commands that read the stored tickets as a whole: `report`, `export`, `audit`."""
