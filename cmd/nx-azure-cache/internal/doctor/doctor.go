package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// examination is the workspace that is examined, and what is known of it so far.
type examination struct {
	config.Workspace
	version string // of this program
	now     time.Time
	probe   *probe // nil where no container can be opened

	// skipReason is why nothing more is asked of the storage; "" while there is hope.
	skipReason string
	// isAnonymous says that nobody is signed in, and that what is public can be read.
	// Azure lets nobody write.
	isAnonymous bool
}

// skipRest says why nothing more is asked of the storage; the first reason stays.
func (e *examination) skipRest(why string) {
	if e.skipReason == "" {
		e.skipReason = why
	}
}

// partLimit is how long a part may take: each of its requests has limits of its
// own, of which many may follow each other.
const partLimit = 30 * time.Second

var errPartLimit = fmt.Errorf("not finished within %s", partLimit)

// parts are all that is looked at, in the order in which it is shown.
var parts = []func(context.Context, *examination, *Report){
	examineLauncher,
	examineConfig,
	examineLicense,
	examineSignIn,
	examineNetwork,
	examineRights,
	examineRoundTrip,
	examineSecurity,
}

// Examine looks at everything.
func Examine(ctx context.Context, where config.Workspace, version string) Report {
	e := newExamination(where, version)
	r := Report{Containers: []containerReport{}, Leftovers: []leftover{}}
	for _, look := range parts {
		limited, cancel := context.WithTimeoutCause(ctx, partLimit, errPartLimit)
		look(limited, e, &r)
		cancel()
	}
	if e.probe != nil {
		r.Leftovers = e.probe.leftovers()
	}
	r.conclude()
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
