package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// stepNames are the names of the steps for people.
var stepNames = map[string]string{
	transport.StepDNS:     "name",
	transport.StepConnect: "connection",
	transport.StepProxy:   "through the proxy",
	transport.StepTLS:     "TLS",
	transport.StepHTTP:    "answer",
}

// examineNetwork checks each step of the connection to the storage, and the clock. It does
// not sign in.
func examineNetwork(ctx context.Context, e *examination, r *report.Report) {
	if e.probe == nil {
		r.Skip(report.Network, e.skipReason)
		return
	}
	n := e.probe.anyContainer().Network(ctx)
	r.Network = connection(n)
	proxy := "none to " + n.Host
	if n.Proxy.Address != "" {
		proxy = fmt.Sprintf("%s, by %s, to %s", n.Proxy.Address, n.Proxy.Variable, n.Host)
	}
	r.Add(report.Network, "proxies", "proxy", report.OK, proxy, "")
	for _, ca := range n.CAs {
		r.Add(report.Network, "ca", "more CAs", report.OK, fmt.Sprintf("%d in %s, by %s", ca.Certificates(), ca.Path, ca.Variable), "")
	}
	for _, step := range n.Steps {
		if !addNetworkStep(r, step, n) {
			e.skipRest("not tried: the storage cannot be reached")
		}
	}
	addClock(r, n)
}

// addNetworkStep adds a step and reports whether it worked.
func addNetworkStep(r *report.Report, step transport.Step, n azure.NetworkReport) bool {
	name := stepNames[step.Name]
	if step.Err != nil {
		r.Add(report.Network, step.Name, name, report.Failed, step.Err.Error(), networkFix(step.Name, n.Host, step.Err))
		return false
	}
	seen := "in " + terminal.Duration(step.Took)
	if step.Detail != "" {
		seen = step.Detail + ", " + seen
	}
	if step.Name == transport.StepDNS && n.Private {
		seen += ": private, as with a private endpoint"
	}
	r.Add(report.Network, step.Name, name, report.OK, seen, "")
	return true
}

// addClock compares the clock of this machine with the storage's.
func addClock(r *report.Report, n azure.NetworkReport) {
	const id, what = "clock", "clock"
	if !n.Answered {
		r.Add(report.Network, id, what, report.Skipped, "unknown: Azure has not responded", "")
		return
	}
	// HTTP dates have seconds.
	if off := n.Skew.Abs(); off <= azure.MaxSkew {
		seen := "in sync with the storage"
		if off > 2*time.Second {
			seen = fmt.Sprintf("%s off from the storage, which is harmless", off.Round(time.Second))
		}
		r.Add(report.Network, id, what, report.OK, seen, "")
		return
	}
	r.Add(report.Network, id, what, report.Failed, n.ClockProblem(), "set the clock, and keep it synchronized: timedatectl set-ntp true, on Windows w32tm /resync")
}

func connection(n azure.NetworkReport) *report.Connection {
	result := &report.Connection{
		Host: n.Host, Proxy: n.Proxy.Address, Addresses: n.Addresses, Private: n.Private, Issuer: n.Issuer, Expires: n.Expires, Steps: []report.ConnectionStep{},
	}
	if n.Addresses == nil {
		result.Addresses = []netip.Addr{} // an empty array in JSON
	}
	if n.Answered {
		seconds := n.Skew.Seconds()
		result.SkewSeconds = &seconds
	}
	for _, step := range n.Steps {
		entry := report.ConnectionStep{Step: step.Name, Seconds: step.Took.Seconds(), Detail: step.Detail}
		if step.Err != nil {
			entry.Error = printable.Line(step.Err.Error())
		}
		result.Steps = append(result.Steps, entry)
	}
	return result
}
