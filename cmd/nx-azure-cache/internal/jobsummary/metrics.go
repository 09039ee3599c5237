package jobsummary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// The file of metrics is in a folder of the workspace that is never an input of a task: Nx
// ignores .nx/cache, wherever its cache is. GitLab takes reports only from the project's
// folder.
const (
	metricsFolder = ".nx/cache"
	metricsFile   = "nx-azure-cache-metrics.txt"
	metricsLock   = "nx-azure-cache-metrics.lock"
	metricsNew    = "nx-azure-cache-metrics.new"
	maxMetrics    = 16 << 10 // bytes
)

// metric is a number of the report. GitLab compares numbers with the same name, so names
// must not change, and no label may differ between jobs.
type metric struct {
	name, help string
	value      func(*sums) *float64
}

// sums are the numbers of all runs of a job.
type sums struct {
	runs, hits, localHits, misses, damaged, stored, existing, skipped, evicted, failed float64
	read, written, saved, waited                                                       float64
}

const metricsPrefix = "nx_azure_cache_"

var metrics = []metric{
	{"runs", "Runs of Nx", func(s *sums) *float64 { return &s.runs }},
	{"hits", "Results from the remote cache", func(s *sums) *float64 { return &s.hits }},
	{"local_hits", "Results from the local cache of Nx", func(s *sums) *float64 { return &s.localHits }},
	{"misses", "Results that the remote cache lacked", func(s *sums) *float64 { return &s.misses }},
	{"damaged", "Entries that must not be used", func(s *sums) *float64 { return &s.damaged }},
	{"stored", "Results stored", func(s *sums) *float64 { return &s.stored }},
	{"existing", "Results whose entry existed already", func(s *sums) *float64 { return &s.existing }},
	{"skipped", "Results that cannot be stored", func(s *sums) *float64 { return &s.skipped }},
	{"evicted", "Results that Nx removed before they were stored", func(s *sums) *float64 { return &s.evicted }},
	{"failed", "Requests that failed", func(s *sums) *float64 { return &s.failed }},
	{"read_bytes", "Bytes received", func(s *sums) *float64 { return &s.read }},
	{"written_bytes", "Bytes sent", func(s *sums) *float64 { return &s.written }},
	{"saved_seconds", "Time that the tasks of remote hits ran when they were stored", func(s *sums) *float64 { return &s.saved }},
	{"waited_seconds", "Time that Nx waited for the cache", func(s *sums) *float64 { return &s.waited }},
}

func (s *sums) add(t *runs.Totals) {
	s.runs++
	for _, each := range []struct {
		sum   *float64
		value int64
	}{
		{&s.hits, t.Hits}, {&s.localHits, t.LocalHits}, {&s.misses, t.Misses}, {&s.damaged, t.Damaged},
		{&s.stored, t.Stored}, {&s.existing, t.Existing}, {&s.skipped, t.Skipped}, {&s.evicted, t.Evicted},
		{&s.failed, t.Failed}, {&s.read, t.BytesRead}, {&s.written, t.BytesWritten},
	} {
		*each.sum += float64(each.value)
	}
	s.saved += float64(t.Saved) / 1000
	s.waited += float64(t.Waited) / 1000
}

// format formats the sums as OpenMetrics. The job is in the help of the first metric: it is
// no label, which would make every metric of every job a new one.
func (s *sums) format(job string) []byte {
	var b bytes.Buffer
	for i, m := range metrics {
		help := m.help
		if i == 0 {
			help += " in job " + job
		}
		fmt.Fprintf(&b, "# HELP %s%s %s.\n# TYPE %s%s gauge\n%s%s %s\n", metricsPrefix, m.name, help,
			metricsPrefix, m.name, metricsPrefix, m.name, strconv.FormatFloat(math.Round(*m.value(s)*1000)/1000, 'f', -1, 64))
	}
	b.WriteString("# EOF\n")
	return b.Bytes()
}

// parseSums reads the sums of a job. Those of another job, such as one that left the file in
// a folder that is reused, do not count, and neither does anything invalid.
func parseSums(text []byte, job string) sums {
	var s sums
	lines := strings.Split(string(text), "\n")
	if job == "" || lines[0] != fmt.Sprintf("# HELP %sruns Runs of Nx in job %s.", metricsPrefix, job) {
		return sums{}
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, metricsPrefix), " ")
		for _, m := range metrics {
			if m.name != name {
				continue
			}
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || !(n >= 0 && n < 1<<53) {
				return sums{}
			}
			*m.value(&s) = n
		}
	}
	return s
}

var jobID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// writeMetrics adds a run to the metrics of its job.
func writeMetrics(ctx context.Context, workspace, job string, t *runs.Totals) error {
	if !jobID.MatchString(job) {
		job = ""
	}
	folder, err := makeFolders(workspace, metricsFolder)
	if err != nil { // such as a link to a folder that jobs share
		return noPlaceError{err}
	}
	defer folder.Close()
	unlock, err := lockMetrics(ctx, folder)
	if err != nil {
		return err
	}
	defer unlock()
	text, err := readMetrics(folder)
	if err != nil {
		return err
	}
	s := parseSums(text, job)
	s.add(t)
	return replaceMetrics(folder, s.format(job))
}

// lockMetrics waits until no other run of the job changes the file.
func lockMetrics(ctx context.Context, folder *directory.Dir) (unlock func(), err error) {
	file, err := openAppending(folder, metricsLock, true) // which rejects a link
	if err != nil {
		return nil, err
	}
	defer file.Close() // empty
	lock := flock.New(folder.Join(metricsLock), flock.SetFlag(os.O_RDONLY|directory.NoFollow))
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("another run has locked %s", lock.Path())
	}
	// A file system without locks gives another error. Runs at the same time are rare.
	return func() { _ = lock.Close() }, nil
}

// readMetrics reads the file of metrics, or its beginning; nil if there is none.
func readMetrics(folder *directory.Dir) ([]byte, error) {
	file, err := openExisting(folder, metricsFile, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading
	return io.ReadAll(io.LimitReader(file, maxMetrics))
}

// replaceMetrics writes a new file and renames it, which follows no link.
func replaceMetrics(folder *directory.Dir, text []byte) error {
	if err := folder.Root.Remove(metricsNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := folder.Root.OpenFile(metricsNew, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return folder.Root.Rename(metricsNew, metricsFile)
}
