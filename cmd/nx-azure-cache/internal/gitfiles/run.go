package gitfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	timeout  = 10 * time.Second
	maxPipes = 250 * time.Millisecond
	// maxOutput is the size of the largest answer, in bytes: some 100,000 names.
	maxOutput = 8 << 20
	maxStderr = 4 << 10
)

// variables are those that git gets. Nothing else of the environment reaches it: GIT_DIR of a
// hook would name another checkout, and .env files set what is unset, such as GIT_EXTERNAL_DIFF
// or XDG_CONFIG_HOME.
var variables = []string{"HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "PATH", "SystemRoot", "ProgramData", "TMPDIR", "TMP", "TEMP"}

func environment() []string {
	env := []string{
		"LC_ALL=C",
		"GIT_OPTIONAL_LOCKS=0",    // does not write the index
		"GIT_TERMINAL_PROMPT=0",   // asks nothing
		"GIT_NO_LAZY_FETCH=1",     // of a partial clone; since git 2.45
		"GIT_ALLOW_PROTOCOL=none", // before
		"GIT_ATTR_NOSYSTEM=1",
	}
	for _, name := range variables {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// settings override what the configuration of the repository may run or reach.
func (r *Repository) settings() []string {
	settings := []string{
		"core.fsmonitor=false",
		// A path below a file cannot exist. /dev/null is a folder's name on Windows.
		"core.hooksPath=" + r.git,
		"core.alternateRefsCommand=",
		"core.quotePath=false",
		"log.showSignature=false", // runs gpg.program
		"protocol.allow=never",
		"safe.bareRepository=explicit", // a checkout may contain one, with its configuration
		"submodule.recurse=false",
	}
	for _, filter := range r.filters {
		settings = append(settings, "filter."+filter+".clean=", "filter."+filter+".process=", "filter."+filter+".required=false")
	}
	return settings
}

// run returns what a git command prints.
func (r *Repository) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	global := []string{"--no-pager", "--literal-pathspecs", "-C", r.dir}
	for _, setting := range r.settings() {
		global = append(global, "-c", setting)
	}
	command := exec.CommandContext(ctx, r.git, append(global, args...)...)
	command.Env = environment()
	command.Dir = r.dir
	hideWindow(command)
	command.WaitDelay = maxPipes // for pipes that a child of git still holds
	stdout := &limitedBuffer{max: maxOutput, full: cancel}
	stderr := &limitedBuffer{max: maxStderr, full: func() {}}
	command.Stdout, command.Stderr = stdout, stderr
	err := command.Run()
	switch {
	case stdout.overflown:
		return "", fmt.Errorf("git %s prints more than %d MiB", args[0], maxOutput>>20)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("git %s has not answered within %s", args[0], timeout)
	case err != nil:
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// limitedBuffer keeps the first bytes, and calls full when there are more.
type limitedBuffer struct {
	bytes.Buffer
	max       int
	overflown bool
	full      func()
}

var _ io.Writer = (*limitedBuffer)(nil)

// Write never fails, so that the command ends in its own way unless full stops it.
func (b *limitedBuffer) Write(text []byte) (int, error) {
	if room := b.max - b.Len(); len(text) > room {
		b.Buffer.Write(text[:room])
		b.overflown = true
		b.full()
		return len(text), nil
	}
	return b.Buffer.Write(text)
}
