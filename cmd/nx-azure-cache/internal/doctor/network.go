package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// networkReport is the JSON of the connection to the storage.
type networkReport struct {
	Host        string        `json:"host"` // and port
	Proxy       string        `json:"proxy,omitempty"`
	Addresses   []netip.Addr  `json:"addresses"`
	Private     bool          `json:"private"`
	Issuer      string        `json:"issuer,omitempty"`
	Expires     time.Time     `json:"expires,omitzero"`
	SkewSeconds *float64      `json:"skewSeconds,omitempty"` // nil: unknown
	Steps       []networkStep `json:"steps"`
}

type networkStep struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
	Error   string  `json:"error,omitempty"`
}

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
func examineNetwork(ctx context.Context, e *examination, r *Report) {
	if e.probe == nil {
		r.skip(partNetwork, e.skipReason)
		return
	}
	n := e.probe.anyContainer().Network(ctx)
	r.Network = networkReportOf(n)
	proxy := "none to " + n.Host
	if n.Proxy.Address != "" {
		proxy = fmt.Sprintf("%s, by %s, to %s", n.Proxy.Address, n.Proxy.Variable, n.Host)
	}
	r.add(partNetwork, "proxies", "proxy", statusOK, proxy, "")
	for _, ca := range n.CAs {
		r.add(partNetwork, "ca", "more CAs", statusOK, fmt.Sprintf("%d in %s, by %s", ca.Certificates(), ca.Path, ca.Variable), "")
	}
	for _, step := range n.Steps {
		if !r.addNetworkStep(step, n) {
			e.skipRest("not tried: the storage cannot be reached")
		}
	}
	r.addClock(n)
}

// addNetworkStep adds a step and reports whether it worked.
func (r *Report) addNetworkStep(step transport.Step, n azure.NetworkReport) bool {
	name := stepNames[step.Name]
	if step.Err != nil {
		r.add(partNetwork, step.Name, name, statusFailed, step.Err.Error(), networkFix(step.Name, n.Host, step.Err))
		return false
	}
	seen := "in " + terminal.Duration(step.Took)
	if step.Detail != "" {
		seen = step.Detail + ", " + seen
	}
	if step.Name == transport.StepDNS && n.Private {
		seen += ": private, as with a private endpoint"
	}
	r.add(partNetwork, step.Name, name, statusOK, seen, "")
	return true
}

// addClock compares the clock of this machine with the storage's.
func (r *Report) addClock(n azure.NetworkReport) {
	const id, what = "clock", "clock"
	if !n.Answered {
		r.add(partNetwork, id, what, statusSkipped, "unknown: Azure has not responded", "")
		return
	}
	// HTTP dates have seconds.
	if off := n.Skew.Abs(); off <= azure.MaxSkew {
		seen := "in sync with the storage"
		if off > 2*time.Second {
			seen = fmt.Sprintf("%s off from the storage, which is harmless", off.Round(time.Second))
		}
		r.add(partNetwork, id, what, statusOK, seen, "")
		return
	}
	r.add(partNetwork, id, what, statusFailed, n.ClockProblem(), "set the clock, and keep it synchronized: timedatectl set-ntp true, on Windows w32tm /resync")
}

func networkReportOf(n azure.NetworkReport) *networkReport {
	result := &networkReport{
		Host: n.Host, Proxy: n.Proxy.Address, Addresses: n.Addresses, Private: n.Private, Issuer: n.Issuer, Expires: n.Expires, Steps: []networkStep{},
	}
	if n.Addresses == nil {
		result.Addresses = []netip.Addr{} // an empty array in JSON
	}
	if n.Answered {
		seconds := n.Skew.Seconds()
		result.SkewSeconds = &seconds
	}
	for _, step := range n.Steps {
		entry := networkStep{Step: step.Name, Seconds: step.Took.Seconds(), Detail: step.Detail}
		if step.Err != nil {
			entry.Error = printable.Line(step.Err.Error())
		}
		result.Steps = append(result.Steps, entry)
	}
	return result
}
