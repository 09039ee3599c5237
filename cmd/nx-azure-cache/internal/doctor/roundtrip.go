package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const (
	// roundTrips is how many small entries are written and read.
	roundTrips = 5
	// artifactSize is the size of the large entry, in bytes.
	artifactSize = 8 << 20
	// slowAnswer is a response time that makes a cache cost more than it saves: a run
	// requests hundreds of results.
	slowAnswer = time.Second
)

// examineRoundTrip measures how long small entries take, and how fast a large one is.
func examineRoundTrip(ctx context.Context, e *examination, r *report.Report) {
	if e.skipReason != "" {
		r.Skip(report.RoundTrip, e.skipReason)
		return
	}
	p := e.probe
	trip := &roundTrip{ctx: ctx, r: r}
	r.RoundTrip = &trip.speed
	at := slices.IndexFunc(p.targets, func(a target) bool { return a.own })
	why := anonymousWrites
	if !e.isAnonymous {
		why = p.whyNoTrip(ctx, at)
	}
	if why != "" {
		trip.readOnly(p, why)
		return
	}
	a := p.targets[at]
	trip.blobs = p.blobs(a)
	trip.name = func() string { return cache.Name(p.settings.Prefix, a.scope, newCanary()) }
	defer func() { p.lost = append(p.lost, trip.cleanUp(p, a)...) }()
	trip.measure()
}

// whyNoTrip returns why nothing can be written to measure it; "" if it can.
func (p *probe) whyNoTrip(ctx context.Context, own int) string {
	if own < 0 || p.policy.Mode != cache.ReadWrite {
		return "not tried: this run stores nothing"
	}
	tried := p.write(ctx, p.targets[own])
	switch {
	case tried.create.verdict != granted:
		return "not tried: this run may not create"
	case tried.remove.verdict != granted:
		return "not tried: this run could not remove what it writes"
	default:
		return ""
	}
}

// roundTrip measures the transfer of entries.
type roundTrip struct {
	ctx   context.Context
	r     *report.Report
	speed report.Speed
	blobs blobStore
	name  func() string // returns a new name
	made  []string      // their names
}

func (t *roundTrip) measure() {
	names := make([]string, roundTrips)
	writes, err := measureTimes(roundTrips, func(i int) error {
		names[i] = t.name()
		return t.put(names[i], []byte(canaryBody))
	})
	t.speed.WriteSeconds = t.latency("write", "writing a small entry", writes, err)
	if err != nil {
		return
	}
	reads, err := measureTimes(roundTrips, func(i int) error { return t.get(names[i]) })
	t.speed.ReadSeconds = t.latency("read", "reading a small entry", reads, err)
	if err != nil {
		return
	}
	body, name := make([]byte, artifactSize), t.name()
	rand.Read(body) // incompressible
	ups, err := measureTimes(1, func(int) error { return t.put(name, body) })
	t.speed.UpBytesPerSecond = t.throughput("up", "uploading 8 MiB", ups, err)
	if err != nil {
		return
	}
	downs, err := measureTimes(1, func(int) error { return t.get(name) })
	t.speed.DownBytesPerSecond = t.throughput("down", "downloading 8 MiB", downs, err)
}

// readOnly measures what it can without writing: a request for an entry that does not
// exist takes as long.
func (t *roundTrip) readOnly(p *probe, why string) {
	at := slices.IndexFunc(p.targets, func(a target) bool { return slices.Contains(p.policy.Reads(), a.scope) })
	a := p.targets[at]
	t.blobs = p.blobs(a)
	if p.read(t.ctx, a).verdict == granted {
		reads, err := measureTimes(roundTrips, func(int) error { return t.get(cache.Name(p.settings.Prefix, a.scope, newCanary())) })
		t.speed.ReadSeconds = t.latency("read", "requesting an entry", reads, err)
	}
	t.r.Add(report.RoundTrip, "throughput", "upload and download", report.Skipped, why, "")
}

func (t *roundTrip) put(name string, body []byte) error {
	t.made = append(t.made, name)
	err := t.blobs.Put(t.ctx, name, bytes.NewReader(body), nil)
	if errors.Is(err, cache.ErrExists) {
		return nil // the response to a first try was lost
	}
	return err
}

func (t *roundTrip) get(name string) error {
	blob, err := t.blobs.Get(t.ctx, name)
	if errors.Is(err, cache.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, blob.Body)
	return errors.Join(err, blob.Body.Close())
}

// cleanUp removes the entries, also after Ctrl-C, and returns those that it could not
// remove.
func (t *roundTrip) cleanUp(p *probe, a target) (left []report.Leftover) {
	for _, name := range tryDeletes(t.ctx, t.blobs, t.made) {
		left = append(left, p.leftoverOf(a, name))
	}
	return left
}

// measureTimes runs do several times, and returns how long each run took.
func measureTimes(times int, do func(i int) error) (took []time.Duration, err error) {
	for i := range times {
		started := time.Now()
		if err := do(i); err != nil {
			return took, err
		}
		took = append(took, time.Since(started))
	}
	return took, nil
}

// latency adds a row with the median, and returns it in seconds.
func (t *roundTrip) latency(id, what string, took []time.Duration, err error) float64 {
	if err != nil {
		t.r.Add(report.RoundTrip, id, what, report.Unknown, err.Error(), "")
		return 0
	}
	slices.Sort(took)
	median, found, fix := took[len(took)/2], report.OK, ""
	if median > slowAnswer {
		found, fix = report.Warning, "use a storage account in a nearby region, or check the proxy"
	}
	t.r.Add(report.RoundTrip, id, what, found, fmt.Sprintf("%s (median of %d)", terminal.Duration(median), len(took)), fix)
	return median.Seconds()
}

// throughput adds a row with the speed, and returns bytes per second.
func (t *roundTrip) throughput(id, what string, took []time.Duration, err error) float64 {
	if errors.Is(context.Cause(t.ctx), errPartLimit) {
		t.r.Add(report.RoundTrip, id, what, report.Warning, fmt.Sprintf("%v: slower than %s/s", errPartLimit, terminal.Size(int64(artifactSize/partLimit.Seconds()))),
			"keep large results out of the remote cache: azure.maxArtifactSize in nx.json")
		return 0
	}
	if err != nil {
		t.r.Add(report.RoundTrip, id, what, report.Unknown, err.Error(), "")
		return 0
	}
	perSecond := artifactSize / took[0].Seconds()
	t.r.Add(report.RoundTrip, id, what, report.OK, fmt.Sprintf("%s, %s/s", terminal.Duration(took[0]), terminal.Size(int64(perSecond))), "")
	return perSecond
}
