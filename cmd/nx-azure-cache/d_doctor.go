package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// patient is the workspace that is examined, and what is known of it so far.
type patient struct {
	config.Workspace
	version string // of this program
	now     time.Time
	subject *subject // nil where no container can be opened

	// pointless is why nothing more is asked of the storage; "" while there is hope.
	pointless string
	// isNobody says that nobody is signed in, and that what is public can be read.
	// Azure lets nobody write.
	isNobody bool
}

// giveUp says why nothing more is asked of the storage; the first reason stays.
func (p *patient) giveUp(why string) {
	if p.pointless == "" {
		p.pointless = why
	}
}

// partLimit is how long a part may take: each of its requests has limits of its
// own, of which many may follow each other.
const partLimit = 30 * time.Second

var errPartLimit = fmt.Errorf("not done within %s", partLimit)

// parts are all that is looked at, in the order in which it is shown.
var parts = []func(context.Context, *patient, *report){
	examineLauncher,
	examineConfig,
	examineLicence,
	examineSignIn,
	examineNetwork,
	examineRights,
	examineRoundTrip,
	examineSecurity,
}

// examineAll looks at everything.
func examineAll(ctx context.Context, where config.Workspace, version string) report {
	p := newPatient(where, version)
	r := report{Containers: []containerReport{}, Leftovers: []leftover{}}
	for _, look := range parts {
		limited, cancel := context.WithTimeoutCause(ctx, partLimit, errPartLimit)
		look(limited, p, &r)
		cancel()
	}
	if p.subject != nil {
		r.Leftovers = p.subject.leftovers()
	}
	r.conclude()
	return r
}

const configWrong = "not tried: the configuration is wrong"

func newPatient(where config.Workspace, version string) *patient {
	p := &patient{Workspace: where, version: version, now: time.Now()}
	if p.Problem != nil {
		p.giveUp(configWrong)
	}
	s, err := openSubject(where)
	switch {
	case err == nil:
		p.subject = s
	case p.Problem == nil:
		p.Problem = err
		p.giveUp(configWrong)
	}
	return p
}
