"""`frontline simulate`: reads tickets, replays them under policies and shows the results."""
