package entries

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
)

// Filter is what a command line asks for. An entry must match all fields that are set.
type Filter struct {
	Hashes, Scopes []string
	Tasks          []string // names, or patterns with *
	Targets        []string // arguments: hashes, or names of tasks
	Ref, Run       string
	Signer         string
	Signatures     []string
	Before, After  string
	Archived       bool
	IsSet          func(flag string) bool
}

// Selection decides which entries match.
type Selection struct {
	hashes, scopes []string
	tasks          []task
	ref, run       string
	signer         string   // ID of a key
	signatures     []string // states; empty means all
	after, before  time.Time
	archived       bool // only those
}

// task is a task that entries are of.
type task struct {
	pattern string
	match   func(name string) bool
}

// ErrNoSelection is returned if no filter is set.
var ErrNoSelection = errors.New("no entries selected: give a task hash, PROJECT:TARGET, or at least one of --hash, --task, --scope, --ref, --run, --signer, --signature, --before, --after and --archived")

// Parse checks a filter. An error names the flag or the argument that is wrong.
func (f Filter) Parse(now time.Time) (s Selection, err error) {
	if err := f.checkEmpty(); err != nil {
		return s, err
	}
	s = Selection{hashes: f.Hashes, scopes: f.Scopes, ref: f.Ref, run: f.runName(), archived: f.Archived}
	for _, hash := range s.hashes {
		if err := taskhash.Check(hash); err != nil {
			return s, fmt.Errorf("--hash: %w", err)
		}
	}
	for _, pattern := range f.Tasks {
		if err := s.addTask(pattern); err != nil {
			return s, fmt.Errorf("--task is %w", err)
		}
	}
	for _, target := range f.Targets {
		if err := s.addTarget(target); err != nil {
			return s, err
		}
	}
	for _, scope := range s.scopes {
		// "." and ".." would be resolved in a URL.
		isPath := strings.Contains(scope, "/") || scope == "." || scope == ".."
		if _, err := path.Match(scope, ""); err != nil || scope == "" || isPath {
			return s, fmt.Errorf("--scope is %q; use a scope or a pattern, such as trusted, pr-12 or \"pr-*\"", scope)
		}
	}
	if s.signer, err = parseSigner(f.Signer); err != nil {
		return s, err
	}
	for _, state := range f.Signatures {
		if !slices.Contains(signatureStates, state) {
			return s, fmt.Errorf("--signature is %q; allowed are %s", state, strings.Join(signatureStates, ", "))
		}
	}
	s.signatures = f.Signatures
	if s.after, err = ParseTime("--after", f.After, now); err != nil {
		return s, err
	}
	if s.before, err = ParseTime("--before", f.Before, now); err != nil {
		return s, err
	}
	if !s.after.IsZero() && !s.before.IsZero() && !s.after.Before(s.before) {
		return s, fmt.Errorf("no time is both after %s and before %s", s.after.Format(time.RFC3339), s.before.Format(time.RFC3339))
	}
	return s, nil
}

// addTarget adds the argument of a command.
func (s *Selection) addTarget(target string) error {
	switch {
	case strings.Contains(target, ":"):
		return s.addTask(target)
	case taskhash.Check(target) != nil:
		return fmt.Errorf("%q is neither a task hash (letters, digits, _ and -) nor PROJECT:TARGET", printable.Short(target, maxShown))
	default:
		s.hashes = append(slices.Clone(s.hashes), target)
		return nil
	}
}

// maxShown is how much of a wrong value a message shows, in bytes.
const maxShown = 160

func (s *Selection) addTask(pattern string) error {
	if !strings.Contains(pattern, ":") || !taskfilter.IsPattern(pattern) {
		return fmt.Errorf(`%q; use PROJECT:TARGET, such as shop:build, or a pattern, such as "shop:*" or "*:build"`, printable.Short(pattern, maxShown))
	}
	s.tasks = append(s.tasks, task{pattern, taskfilter.OfName(pattern)})
	return nil
}

// what describes the entries that a command was asked for.
func (s Selection) what() string {
	var names []string
	for _, task := range s.tasks {
		names = append(names, "of "+task.pattern)
	}
	return strings.Join(append(names, s.hashes...), ", ")
}

// where names the scopes that are looked at.
func (s Selection) where() string {
	if len(s.scopes) == 0 {
		return "any scope"
	}
	return strings.Join(s.scopes, ", ")
}

// runName returns the run without trailing slashes, which a URL may have.
func (f Filter) runName() string { return strings.TrimRight(f.Run, "/") }

// checkEmpty returns an error for a flag with an empty value: --after "$SINCE" with an
// unset variable would mean all times.
func (f Filter) checkEmpty() error {
	for name, value := range map[string]string{"ref": f.Ref, "run": f.runName(), "signer": f.Signer, "before": f.Before, "after": f.After} {
		if value == "" && f.IsSet != nil && f.IsSet(name) {
			return fmt.Errorf("--%s is empty", name)
		}
	}
	return nil
}

// IsAll reports whether every entry matches.
func (s Selection) IsAll() bool {
	return !s.archived && len(s.hashes)+len(s.tasks)+len(s.scopes)+len(s.ref)+len(s.run)+len(s.signer)+len(s.signatures) == 0 && s.after.IsZero() && s.before.IsZero()
}

var keyIDs = regexp.MustCompile(`^[0-9a-f]{16}$`)

func parseSigner(text string) (string, error) {
	if text == "" || keyIDs.MatchString(text) {
		return text, nil
	}
	key, err := trust.ParsePublicKey(text)
	if err != nil {
		return "", errors.New("--signer is neither the ID of a key (16 hexadecimal digits) nor a public key")
	}
	return key.ID(), nil
}

var ages = regexp.MustCompile(`^([0-9]{1,6})([mhdw])$`)

// ParseTime parses a time or an age.
func ParseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age := ages.FindStringSubmatch(text); age != nil {
		n, err := strconv.Atoi(age[1])
		unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[age[2]]
		if err == nil && n <= int(100*365*24*time.Hour/unit) {
			return now.Add(-time.Duration(n) * unit), nil
		}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is %q; use a time such as 2026-11-22T18:30:00Z or 2026-11-22, or an age such as 12h or 30d", flag, text)
}

// matches reports whether an entry matches, apart from its scope and its hash, which walk
// has checked.
func (s Selection) matches(e *entry) bool {
	switch {
	case !s.after.IsZero() && e.modified.Before(s.after), !s.before.IsZero() && !e.modified.Before(s.before):
		return false
	case s.archived && !e.isArchived():
		return false
	case s.signer != "" && s.signer != e.signature.Key:
		return false
	case len(s.signatures) > 0 && !slices.Contains(s.signatures, e.signature.State):
		return false
	case len(s.tasks) > 0 && !s.matchesTask(e.provenance().Task):
		return false
	case s.ref == "" && s.run == "":
		return true
	case e.statement == nil:
		return false
	default:
		from := e.statement.Provenance
		return (s.ref == "" || isRef(from.Ref, s.ref)) && (s.run == "" || isRun(from.Run, s.run))
	}
}

func (s Selection) matchesTask(name string) bool {
	return slices.ContainsFunc(s.tasks, func(t task) bool { return t.match(name) })
}

// isRef reports whether ref is the named one, in full or without its beginning.
func isRef(ref, named string) bool {
	return slices.Contains([]string{named, "refs/heads/" + named, "refs/tags/" + named}, ref)
}

// isRun does the same for the URL of a run. CIs have the number at its end, as a segment
// or as a parameter.
func isRun(run, named string) bool {
	run = strings.TrimRight(run, "/")
	return run == named || strings.HasSuffix(run, "/"+named) || strings.HasSuffix(run, "="+named)
}

func isPattern(scope string) bool { return strings.ContainsAny(scope, `*?[\`) }

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
