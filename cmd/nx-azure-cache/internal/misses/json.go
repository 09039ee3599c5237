package misses

import (
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// document is the output of explain --json. docs/explain.schema.json describes it.
type document struct {
	Run     runJSON     `json:"run"`
	Records int         `json:"records"` // of other runs that were compared
	Misses  []taskJSON  `json:"misses"`
	Groups  []groupJSON `json:"groups"`
	Hits    []hitJSON   `json:"hits"`
	Others  []otherJSON `json:"others"`
	Omitted int         `json:"omitted"` // misses that are not explained
	Notes   []string    `json:"notes"`
}

type runJSON struct {
	*causes.Run
	IsLocal bool        `json:"local"` // the last run on this machine
	Mode    string      `json:"mode"`
	CI      bool        `json:"ci"`
	Totals  runs.Totals `json:"totals"`
}

type taskJSON struct {
	Task    string         `json:"task"`
	Hash    string         `json:"hash"`
	Outcome runs.Outcome   `json:"outcome"`
	Ran     *int64         `json:"ran,omitempty"` // milliseconds
	Against *causes.Run    `json:"against,omitempty"`
	Causes  []causes.Cause `json:"causes"`
}

type groupJSON struct {
	Kind  causes.Kind `json:"kind"`
	Text  string      `json:"text"`
	Fix   string      `json:"fix,omitempty"`
	Tasks []string    `json:"tasks"`
}

type hitJSON struct {
	Task    string       `json:"task"`
	Hash    string       `json:"hash"`
	Outcome runs.Outcome `json:"outcome"`
	From    trust.Scope  `json:"from,omitempty"`
	Bytes   int64        `json:"bytes,omitempty"`
	Saved   *int64       `json:"saved,omitempty"` // milliseconds
}

type otherJSON struct {
	Task    string       `json:"task"`
	Hash    string       `json:"hash,omitempty"`
	Outcome runs.Outcome `json:"outcome"`
}

// writeJSON prints the report as one object.
func (a *report) writeJSON(out io.Writer) error {
	d := document{
		Run:     runJSON{causes.RunOf(a.record), a.isLocal, string(a.record.Mode), a.record.CI, a.record.Totals},
		Records: a.records, Omitted: a.omitted, Notes: append([]string{}, a.allNotes()...),
		Misses: []taskJSON{}, Groups: []groupJSON{}, Hits: []hitJSON{}, Others: []otherJSON{},
	}
	for _, explained := range a.all {
		task := explained.Task
		d.Misses = append(d.Misses, taskJSON{task.ID, task.Hash, task.Outcome, task.Ran, explained.Against, explained.Causes})
	}
	for _, group := range causes.GroupCauses(a.all) {
		d.Groups = append(d.Groups, groupJSON{group.Kind, group.Text, group.Fix, group.Tasks})
	}
	for _, task := range a.hits {
		d.Hits = append(d.Hits, hitJSON{task.ID, task.Hash, task.Outcome, task.From, task.Bytes, task.Saved})
	}
	for _, task := range a.others {
		d.Others = append(d.Others, otherJSON{task.ID, task.Hash, task.Outcome})
	}
	return terminal.JSON(out, d, "  ")
}
