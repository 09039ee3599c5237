package azuretest

import (
	"io"
	"net/http"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// AddFault activates a fault. If several match a request, the first one applies.
func (s *Service) AddFault(fault faults.Fault) *faults.Rule { return s.faults.Add(fault) }

// breakUpload breaks the connection in the body of the request. It returns false if the
// body is empty.
func (c *call) breakUpload(rule *faults.Rule) bool {
	if !rule.BreaksBody() || c.r.ContentLength >= 0 && c.r.ContentLength <= rule.After {
		return false
	}
	if _, err := io.CopyN(io.Discard, c.r.Body, rule.After); err != nil {
		c.abort()
	}
	c.breakOff(rule)
	return true
}

// breakOff closes the connection in the middle of a body.
func (c *call) breakOff(rule *faults.Rule) {
	switch rule.Action {
	case faults.ResetBody:
		c.reset()
	case faults.StallBody:
		rule.Wait(c.r.Context())
		c.abort()
	default:
		c.abort()
	}
}

// abort closes the connection.
func (c *call) abort() {
	panic(http.ErrAbortHandler)
}

// reset closes the connection so that the client sees a reset.
func (c *call) reset() {
	connection, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		panic("azuretest: a reset needs HTTP/1.1: " + err.Error())
	}
	faults.ResetConnection(connection)
}
