package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// examination is the workspace under examination, and what is known of it so far.
type examination struct {
	config.Workspace
	version string // of this program
	now     time.Time
	probe   *probe // nil if no container can be opened

	// skipReason is why no more requests go to the storage; "" while they may.
	skipReason string
	// isAnonymous reports that no credential works, but public blobs can be read. Azure
	// lets no anonymous request write.
	isAnonymous bool
}

// skipRest sets why no more requests go to the storage. The first reason stays.
func (e *examination) skipRest(why string) {
	if e.skipReason == "" {
		e.skipReason = why
	}
}

// partLimit is how long a part may take. Each request has its own limits, but a part may
// need many requests.
const partLimit = 30 * time.Second

var errPartLimit = fmt.Errorf("not finished within %s", partLimit)

// parts are all examinations, in the order of the report.
var parts = []func(context.Context, *examination, *report.Report){
	examineLauncher,
	examineConfig,
	examineLicense,
	examineSignIn,
	examineNetwork,
	examineRights,
	examineRoundTrip,
	examineRecords,
	examineLastRun,
	examineSecurity,
}

// Examine runs all checks.
func Examine(ctx context.Context, where config.Workspace, version string) report.Report {
	e := newExamination(where, version)
	r := report.Report{Containers: []report.Container{}, Leftovers: []report.Leftover{}, IsWhole: true}
	for _, look := range parts {
		limited, cancel := context.WithTimeoutCause(ctx, partLimit, errPartLimit)
		look(limited, e, &r)
		cancel()
	}
	if e.probe != nil {
		r.Leftovers = e.probe.leftovers()
	}
	r.Conclude(where.Document.CI)
	return r
}

const configWrong = "not tried: the configuration is wrong"

func newExamination(where config.Workspace, version string) *examination {
	e := &examination{Workspace: where, version: version, now: time.Now()}
	if e.Problem != nil {
		e.skipRest(configWrong)
	}
	p, err := openProbe(where)
	switch {
	case err == nil:
		e.probe = p
	case e.Problem == nil:
		e.Problem = err
		e.skipRest(configWrong)
	}
	return e
}
