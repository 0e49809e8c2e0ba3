"""Weather over the stations: when clouds block the lines of sight of each. Import ``weather.clouds``."""
