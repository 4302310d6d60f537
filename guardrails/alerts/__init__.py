"""The rules of alerts: their states, who hears of them, how severe words are put."""
