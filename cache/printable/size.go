package printable

import (
	"fmt"
	"math"
)

// Size formats a number of bytes for people, such as "1.2 MB" and "512 B". Its units are
// decimal, as in the settings of nx.json.
func Size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	unit := 1000.0
	for _, name := range []string{"KB", "MB", "GB"} {
		// 999,950 bytes are rounded to 1.0 MB, not to 1000.0 KB.
		if tenths := math.Round(float64(bytes) / (unit / 10)); tenths < 10_000 {
			return fmt.Sprintf("%.1f %s", tenths/10, name)
		}
		unit *= 1000
	}
	return fmt.Sprintf("%.1f TB", float64(bytes)/unit)
}
