package qlik

import (
	"strconv"
	"strings"
	"time"
)

// parseDuration reads an ISO 8601 duration of days and less, such as PT1M2.5S.
// What it does not understand is 0.
func parseDuration(s string) time.Duration {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok {
		return 0
	}
	days, clock, _ := strings.Cut(rest, "T")
	return parseUnits(days, "D", []time.Duration{24 * time.Hour}) +
		parseUnits(clock, "HMS", []time.Duration{time.Hour, time.Minute, time.Second})
}

// parseUnits reads numbers, each followed by the letter of its unit, in order.
func parseUnits(s, letters string, units []time.Duration) time.Duration {
	var sum time.Duration
	for i, unit := range units {
		value, rest, found := strings.Cut(s, letters[i:i+1])
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(value, ",", ".", 1), 64)
		if err != nil || !(n >= 0 && n <= 1e6) {
			return 0
		}
		sum += time.Duration(n * float64(unit))
		s = rest
	}
	return sum
}
