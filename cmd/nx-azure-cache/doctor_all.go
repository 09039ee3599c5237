package main

import (
	"context"
	"fmt"
	"time"
)

// patient is the workspace that is examined, and what is known of it so far.
type patient struct {
	getenv   func(string) string
	now      time.Time
	document workspaceDocument
	settings settings
	warnings []string // about the settings
	wrong    error    // of the settings; joined
	subject  *subject // nil where no container can be opened

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
func examineAll(ctx context.Context, w world, flags *workspaceFlags) report {
	p := newPatient(w, flags)
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

func newPatient(w world, flags *workspaceFlags) *patient {
	p := &patient{now: time.Now()}
	p.document, p.settings, p.warnings, p.wrong = flags.settings(w.getenv)
	p.getenv = p.settings.claims.over(w.getenv)
	if p.document.Launcher != nil && !p.document.hasConfig() && p.document.Problem == "" && !flags.isSet(containerFlag) {
		_, _, p.wrong = readSettings(nil, p.document.CI, p.getenv) // which says how to make one
	}
	if p.wrong != nil {
		p.giveUp(configWrong)
	}
	s, err := openSubject(workspace{p.settings, p.settings.role(p.document.CI, p.document.defaultBase(), p.getenv)}, p.getenv)
	switch {
	case err == nil:
		p.subject = s
	case p.wrong == nil:
		p.wrong = err
		p.giveUp(configWrong)
	}
	return p
}
