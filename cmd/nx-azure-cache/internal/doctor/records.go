package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const (
	// recordDays is how many days of records are counted, and maxRecords how many records
	// in each scope.
	recordDays, maxRecords = 7, 1000
	// maxFolders is how many days are looked through. Anyone who may write in a scope can
	// add any number.
	maxFolders = 5000
)

// examineRecords reports whether a run like this one stores a record, and whether records
// can be read back.
func examineRecords(ctx context.Context, e *examination, r *report.Report) {
	switch {
	case e.skipReason != "":
		r.Skip(report.Records, e.skipReason)
	case e.Settings.Records == config.RecordsNone:
		r.Add(report.Records, "write", "a record of this run", report.OK, "azure.records in nx.json is none: explain knows only the last run of this machine", "")
	default:
		r.Records = new(report.RunRecords)
		e.examineRecordWrites(ctx, r)
		e.examineRecordReads(ctx, r)
	}
}

// examineRecordWrites reports whether this run would store its record. A record is a blob
// in the scope of the run, so creating an entry there shows whether it can be created.
func (e *examination) examineRecordWrites(ctx context.Context, r *report.Report) {
	row := func(found report.Status, seen, fix string) {
		r.Add(report.Records, "write", "a record of this run", found, seen, fix)
	}
	p := e.probe
	own := slices.IndexFunc(p.targets, func(a target) bool { return a.own })
	switch {
	case e.isAnonymous:
		row(report.OK, "not stored: anonymous requests cannot write", "")
		return
	case p.policy.Mode != cache.ReadWrite || own < 0:
		row(report.OK, "not stored: this run stores nothing", "")
		return
	case e.Settings.Records == config.RecordsInCI && !e.Document.CI:
		row(report.OK, "not stored: only runs in CI store records, unless azure.records in nx.json is all", "")
		return
	}
	a := p.targets[own]
	switch tried := p.write(ctx, a).create; tried.verdict {
	case granted:
		r.Records.Stores = true
		row(report.OK, "stored at the end of the run: creating an entry in "+string(a.scope)+" is allowed", "")
	case refused:
		row(report.Warning, tried.seen+": without it no record is stored", p.createFix(a))
	default:
		row(report.Skipped, tried.seen, "") // it says nothing more about the cache
	}
}

// examineRecordReads lists the records in the scopes that the run reads.
func (e *examination) examineRecordReads(ctx context.Context, r *report.Report) {
	row := func(found report.Status, seen, fix string) {
		r.Add(report.Records, "read", "reading records", found, seen, fix)
	}
	p := e.probe
	total, isMore, names := 0, false, []string{}
	for _, a := range p.targets {
		if !slices.Contains(p.policy.Reads(), a.scope) {
			continue
		}
		if !p.mayAsk(ctx, a) {
			row(report.Skipped, notTried.seen, "")
			return
		}
		n, more, err := p.countRecords(ctx, a, e.now)
		if err != nil {
			found, seen, fix := e.weighUnlisted(a, err)
			row(found, seen, fix)
			return
		}
		total, isMore, names = total+n, isMore || more, append(names, string(a.scope))
	}
	r.Records.Recent = &total
	count := terminal.Count(total, "record", "records")
	if isMore {
		count = "more than " + count
	}
	row(report.OK, fmt.Sprintf("allowed: %s of the last %d days in %s", count, recordDays, strings.Join(names, " and ")), "")
}

// weighUnlisted decides what it means that the records of a scope cannot be listed. Only
// explain needs them, so the cache works without.
func (e *examination) weighUnlisted(a target, err error) (found report.Status, seen, fix string) {
	tried := classify(err, "")
	switch {
	case e.isAnonymous:
		return report.OK, "anonymous requests cannot list: explain knows only the last run of this machine", ""
	case tried.lost:
		return report.Skipped, "not listed: " + tried.seen, ""
	default:
		return report.Warning, fmt.Sprintf("cannot list %s (%s): explain knows only the last run of this machine", a.scope, tried.seen), explained(e.probe.listFix(a), err, aboutKeys)
	}
}

// countRecords counts the records of the last days in a scope. isMore reports that there
// may be more.
func (p *probe) countRecords(ctx context.Context, a target, now time.Time) (n int, isMore bool, err error) {
	days, isMore, err := p.recordDays(ctx, a, now)
	if err != nil {
		return 0, false, err
	}
	for _, day := range days {
		for blob, err := range p.blobs(a).List(ctx, runs.DayPrefix(p.settings.Prefix, a.scope, day)) {
			if err != nil {
				return 0, false, err
			}
			if _, _, _, isRecord := runs.ParseName(p.settings.Prefix, blob.Name); !isRecord {
				continue
			}
			if n == maxRecords {
				return n, true, nil
			}
			n++
		}
	}
	return n, isMore, nil
}

// recordDays returns the last days for which a scope has records.
func (p *probe) recordDays(ctx context.Context, a target, now time.Time) (days []time.Time, isMore bool, err error) {
	first, seen := now.AddDate(0, 0, -recordDays), 0
	for folder, err := range p.blobs(a).Folders(ctx, runs.ScopePrefix(p.settings.Prefix, a.scope)) {
		if err != nil {
			return nil, false, err
		}
		if seen++; seen > maxFolders {
			return days, true, nil
		}
		if day, ok := runs.ParseDay(p.settings.Prefix, a.scope, folder); ok && day.After(first) && !day.After(now) {
			days = append(days, day)
		}
	}
	return days, false, nil
}

// listFix is the fix for a run that may not list.
func (p *probe) listFix(a target) string {
	if p.identity.Kind == identitySAS {
		also := permissions.ReadRecords.SASWith(p.use.SASWith(p.identity.Permissions))
		return "to read records, replace the SAS: " + p.blobs(a).SASCommand(also)
	}
	return fmt.Sprintf(`to read records, give the identity the role "Nx cache read" on the container (data actions %s), without a condition that forbids listing`, permissions.ReadRecords.Actions())
}
