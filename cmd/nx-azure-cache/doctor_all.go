package main

import (
	"context"
	"fmt"
	"time"
)

// patient is the workspace that is examined, and what is known of it so far.
type patient struct {
	workspace
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
func examineAll(ctx context.Context, where workspace, isContainerNamed bool) report {
	p := newPatient(where, isContainerNamed)
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

func newPatient(where workspace, isContainerNamed bool) *patient {
	p := &patient{workspace: where, now: time.Now()}
	if p.document.Launcher != nil && !p.document.hasConfig() && p.document.Problem == "" && !isContainerNamed {
		_, _, p.problem = readSettings(nil, p.document.CI, p.getenv) // which says how to make one
	}
	if p.problem != nil {
		p.giveUp(configWrong)
	}
	s, err := openSubject(where)
	switch {
	case err == nil:
		p.subject = s
	case p.problem == nil:
		p.problem = err
		p.giveUp(configWrong)
	}
	return p
}
