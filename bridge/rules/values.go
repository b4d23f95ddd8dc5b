package rules

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// asText writes a value the way Qlik variables are sent: whole numbers without
// decimals, times as RFC 3339 in UTC. Lists, objects and null are not text.
func asText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", fmt.Errorf("%v is not a number", v)
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	case time.Duration:
		return v.String(), nil
	default:
		return "", fmt.Errorf("expected text, got %s", describe(value))
	}
}

// asInt returns a whole number, however JSON or CEL wrote it.
func asInt(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	default:
		return 0, false
	}
}

// describe names a value for a message, short and without showing long contents.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		const longest = 40
		if len(v) > longest {
			v = v[:longest] + "..."
		}
		return "the text " + strconv.Quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int64, uint64, float64:
		return fmt.Sprintf("the number %v", v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	default:
		return fmt.Sprintf("a %T", v)
	}
}
