package jobsummary

import (
	"encoding/json"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Totals is a line of the file that NX_AZURE_CACHE_SUMMARY_FILE names. docs/insight.md
// explains the fields.
type Totals struct {
	Format  int         `json:"format"` // 1
	Session string      `json:"session"`
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended"`
	Scope   trust.Scope `json:"scope"`
	Mode    cache.Mode  `json:"mode"`
	CI      bool        `json:"ci"`
	Tasks   int         `json:"tasks"`
	runs.Totals
	// Saved replaces that of the summary, which is absent if it is 0.
	Saved int64 `json:"saved"`
}

// totalsOf returns a line of JSON, with its line end.
func totalsOf(r *runs.Record) ([]byte, error) {
	line, err := json.Marshal(Totals{
		Format:  1,
		Session: r.Session,
		Started: r.Started,
		Ended:   r.Ended,
		Scope:   r.Scope,
		Mode:    r.Mode,
		CI:      r.CI,
		Tasks:   len(r.Tasks) + r.Omitted,
		Totals:  r.Totals,
		Saved:   r.Totals.Saved,
	})
	return append(line, '\n'), err
}
