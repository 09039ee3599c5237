package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// claims are the variables that the .env files of the checkout set, by name. The
// environment of this process does not have them.
type claims map[string]rpc.Claim

// claimName matches the names of variables and files. Other names may hold what a
// terminal must not show.
var claimName = regexp.MustCompile(`^[\w.-]{1,100}$`)

func newClaims(list []rpc.Claim) claims {
	c := make(claims)
	for _, claim := range list {
		if !claimName.MatchString(claim.File) && claim.File != "" {
			claim.File = "a .env file"
		}
		if claimName.MatchString(claim.Name) {
			c[variableKey(claim.Name)] = claim
		}
	}
	return c
}

// variableKey is the same for all spellings of a variable's name.
func variableKey(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

// countedClaims are the variables that may be set in a .env file. All others count
// as absent there: a pull request can add such a file, so it must not choose who a
// run is, where tokens go, or what is executed.
var countedClaims = map[string]func(value string) bool{
	// It brings its own host and secret, and the cache that this one replaces read it
	// from .env files.
	connectionVariable:    func(string) bool { return true },
	ownConnectionVariable: func(string) bool { return true },
	// Its signature proves it.
	license.Variable: func(string) bool { return true },
	// It may lower what a run does, not raise it.
	modeVariable: func(value string) bool { return strings.TrimSpace(value) != string(cache.ReadWrite) },
}

// counts reports whether a claim is as good as a variable. A variable that is set
// and empty is how CI withholds a secret: a file does not fill it.
func (c claims) counts(claim rpc.Claim) bool {
	may := countedClaims[variableKey(claim.Name)]
	return may != nil && may(claim.Value) && !claim.IsEmpty
}

// over adds the claims that count to an environment.
func (c claims) over(getenv func(string) string) func(string) string {
	return func(name string) string {
		value := getenv(name)
		if claim := c[variableKey(name)]; value == "" && c.counts(claim) {
			return claim.Value
		}
		return value
	}
}

// eventVariable names a file. A claim must not choose which file is opened: it may
// be stdin. So what a run with that file would be is not known.
const eventVariable = "GITHUB_EVENT_PATH"

// detect finds out who a run is. A run whose scope the claims would change is
// untrusted; blamed lists the claims that would change it.
func (c claims) detect(ci bool, branches trust.Branches, getenv func(string) string) (run trust.Run, blamed []rpc.Claim) {
	isEventHidden := false
	run = trust.Detect(ci, branches, func(name string) string {
		value := getenv(name)
		_, isClaim := c[variableKey(name)]
		isEventHidden = isEventHidden || name == eventVariable && value == "" && isClaim
		return value
	})
	without := func(omitted ...string) (trust.Scope, []string) { return c.scope(ci, branches, getenv, omitted) }
	other, culprits := otherScope(run.Scope, without)
	switch {
	case len(culprits) > 0:
	case isEventHidden && run.Writes():
		// The file may say that this is a fork, or that another branch is the default one.
		other, culprits = trust.Untrusted, []string{eventVariable}
	default:
		return run, nil
	}
	for _, key := range culprits {
		blamed = append(blamed, c[key])
	}
	what := named(blamed)
	run.Reason += "; but " + what + " would make it " + string(other)
	run.Advice = fmt.Sprintf("%s would change its scope from %s to %s, and a checkout could set that; remove it from the file, or set it in the environment of the CI job", what, run.Scope, other)
	run.Scope = trust.Untrusted
	return run, blamed
}

// maxMattering is how many claims may matter to a scope. Each set of them is tried.
const maxMattering = 6

// otherScope looks for a set of claims that gives a run another scope than its real
// one, and names the culprits. There are none if all sets agree. It tries all sets,
// because some systems do not tell whether a claim came from outside as well: any of
// the claims may be true.
func otherScope(real trust.Scope, without func(omitted ...string) (trust.Scope, []string)) (other trust.Scope, culprits []string) {
	all, mattering := without()
	if all != real {
		return all, culpritsOf(real, mattering, without)
	}
	// A claim that joins later was in all sets before.
	for set := 1; set < 1<<len(mattering); set++ {
		var omitted []string
		for i, key := range mattering {
			if set&(1<<i) != 0 {
				omitted = append(omitted, key)
			}
		}
		scope, asked := without(omitted...)
		for _, key := range asked {
			if !slices.Contains(mattering, key) {
				mattering = append(mattering, key)
			}
		}
		if len(mattering) > maxMattering {
			return trust.Untrusted, mattering
		}
		if scope != real {
			return scope, mattering
		}
	}
	return real, nil
}

// culpritsOf returns the keys of the claims without which the scope is the real one:
// a single key if that is enough, else all that matter. mattering lists those that
// matter at first.
func culpritsOf(real trust.Scope, mattering []string, without func(omitted ...string) (trust.Scope, []string)) (all []string) {
	for _, key := range mattering {
		if scope, _ := without(key); scope == real {
			return []string{key}
		}
	}
	// Without them others may matter. Once none does, the scope is the real one.
	for len(mattering) > 0 {
		all = append(all, mattering...)
		_, mattering = without(all...)
	}
	return all
}

// scope returns the scope of a run with all claims but the omitted ones, as Nx sees it.
// asked lists the keys of the claims that matter to it, in the order of the look-ups.
func (c claims) scope(ci bool, branches trust.Branches, getenv func(string) string, omitted []string) (scope trust.Scope, asked []string) {
	seen := func(name string) string {
		key, value := variableKey(name), getenv(name)
		claim, isClaim := c[key]
		if value != "" || !isClaim || slices.Contains(omitted, key) || name == eventVariable {
			return value
		}
		if !slices.Contains(asked, key) {
			asked = append(asked, key)
		}
		return claim.Value
	}
	// Versions of Nx know different CIs: only what the claims change matters.
	if seenCI := isCI(seen); seenCI != isCI(getenv) {
		ci = seenCI
	}
	return trust.Detect(ci, branches, seen).Scope, asked
}

// ownPrefix begins the names of our own variables.
const ownPrefix = "NX_AZURE_CACHE_"

// ignored returns the claims that are meant for us and do not count. It leaves out
// those that are blamed already, and a mode that the settings have anyway.
func (c claims) ignored(mode cache.Mode, blamed []rpc.Claim) (all []rpc.Claim) {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		claim := c[key]
		isOurs := strings.HasPrefix(key, ownPrefix) || countedClaims[key] != nil
		isSame := key == modeVariable && strings.TrimSpace(claim.Value) == string(mode)
		if isOurs && !c.counts(claim) && !isSame && !slices.Contains(blamed, claim) {
			all = append(all, claim)
		}
	}
	return all
}

// warnings returns a line about the claims that are ignored, for each reason.
func (c claims) warnings(mode cache.Mode, blamed []rpc.Claim) (lines []string) {
	var empty, others []rpc.Claim
	for _, claim := range c.ignored(mode, blamed) {
		if claim.IsEmpty {
			empty = append(empty, claim)
		} else {
			others = append(others, claim)
		}
	}
	if len(others) > 0 {
		lines = append(lines, notFrom(others)+". "+instead(others))
	}
	if len(empty) > 0 {
		lines = append(lines, fmt.Sprintf("%s %s ignored: the environment sets %s to an empty value, which a .env file cannot fill. Set a value there, or unset %s", named(empty), verb(empty), pronoun(empty), pronoun(empty)))
	}
	return lines
}

// warn prints which claims are ignored by a command that needs no settings.
func (c claims) warn(w world) {
	for _, line := range c.warnings(cache.ReadWrite, nil) {
		fmt.Fprintln(w.stderr, "nx-azure-cache:", line)
	}
}

// notFrom is such as "HTTPS_PROXY of .env is ignored: a checkout could set it".
func notFrom(list []rpc.Claim) string {
	return fmt.Sprintf("%s %s ignored: a checkout could set %s", named(list), verb(list), pronoun(list))
}

func instead(list []rpc.Claim) string {
	return fmt.Sprintf("Set %s in the environment of the CI job instead", pronoun(list))
}

func verb(list []rpc.Claim) string {
	if len(list) == 1 {
		return "is"
	}
	return "are"
}

func pronoun(list []rpc.Claim) string {
	if len(list) == 1 {
		return "it"
	}
	return "them"
}

// named is such as "CI of .env and BUILD_ID of .env.local".
func named(list []rpc.Claim) string {
	var names []string
	for _, claim := range list {
		name := claim.Name + " of " + claim.File
		if claim.File == "" {
			name = claim.Name + " (set inside Nx)"
		}
		names = append(names, name)
	}
	return strings.Join(names, " and ")
}

// azureVariables are read by the SDK and by az, with those of the CIs that give them
// tokens.
var azureVariables = regexp.MustCompile(`^(AZURE_|IDENTITY_|MSI_|IMDS_|ACTIONS_ID_TOKEN_|SYSTEM_ACCESSTOKEN$|SYSTEM_OIDC)`)

// explaining are the claims whose absence could explain why a request fails: an
// application has such variables for its own use, too.
func (c claims) explaining() (all []rpc.Claim) {
	network := make(map[string]bool)
	_, _ = transport.ReadEnvironment(func(name string) string {
		network[variableKey(name)] = true
		return ""
	})
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if (azureVariables.MatchString(key) || network[key]) && !c.counts(c[key]) && countedClaims[key] == nil {
			all = append(all, c[key])
		}
	}
	return all
}

// explain adds to the errors of blobs where the account comes from, and which claims are
// ignored, if that could be why.
func (s settings) explain(blobs cache.Blobs) cache.Blobs {
	hint := "the account is that of " + s.accountFrom()
	if list := s.claims.explaining(); len(list) > 0 {
		hint += "; " + notFrom(list) + fmt.Sprintf("; if the cache needs %s, set %s in the environment", pronoun(list), pronoun(list))
	}
	return explainedBlobs{blobs, hint}
}

// explainedBlobs adds a hint to errors.
type explainedBlobs struct {
	blobs cache.Blobs
	hint  string
}

func (e explainedBlobs) Get(ctx context.Context, name string) (*cache.Blob, error) {
	blob, err := e.blobs.Get(ctx, name)
	return blob, e.explained(err)
}

func (e explainedBlobs) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Put(ctx, name, body, metadata))
}

func (e explainedBlobs) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Replace(ctx, name, etag, body, metadata))
}

func (e explainedBlobs) explained(err error) error {
	_, unreadable := errors.AsType[*cache.UnreadableError](err)
	isAnswer := err == nil || unreadable || fileerror.Is(err) || errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrExists) || errors.Is(err, context.Canceled)
	if isAnswer {
		return err
	}
	return fmt.Errorf("%w (%s)", err, e.hint)
}
