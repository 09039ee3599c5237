package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// FuzzSession opens a session with any block of nx.json and any variables. All messages
// are single lines without a secret, and the session has a cache or a reason.
func FuzzSession(f *testing.F) {
	testenv.AddConfigs(f)
	root := f.TempDir()
	token := testenv.License(f, "valid.jwt")
	f.Fuzz(func(t *testing.T, block, connection, mode string, ci bool) {
		if !json.Valid([]byte(block)) && block != "" {
			t.Skip("rpc refuses it")
		}
		environment := testenv.Env{config.ConnectionVariable: connection, config.ModeVariable: mode, license.Variable: token, trust.RefVariable: "refs/heads/x"}
		got, _, err := config.ReadSettings(json.RawMessage(block), ci, environment.Get)
		session := openSession(rpc.InitializeParams{Config: json.RawMessage(block), CI: ci, WorkspaceRoot: root}, environment.Get, testenv.During)
		for _, line := range slices.Concat(stringsOf(session), []string{session.Reason, session.Location}) {
			testenv.CheckLine(t, line)
			testenv.CheckSecrets(t, line, block, connection, mode)
		}
		checkLocation(t, session)
		// These trusted runs have no key.
		cannotSign := session.Scope == string(trust.Trusted) && got.Trust.Verifier != nil && session.Mode == cache.ReadOnly
		if session.Mode != got.Mode && !cannotSign || (session.Cache != nil) != (session.Reason == "") || (err != nil && session.Cache != nil) {
			t.Errorf("got the error %v and the session %+v", err, session)
		}
	})
}

// checkLocation fails unless a session with a cache names its location, without a secret.
func checkLocation(t *testing.T, session rpc.Session) {
	t.Helper()
	u, err := url.Parse(session.Location)
	if (session.Cache != nil) != (session.Location != "") || err != nil {
		t.Fatalf("got the location %q and %v, and the reason %q", session.Location, err, session.Reason)
	}
	if session.Cache != nil && (u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		t.Errorf("got the location %q, want a host and a path", session.Location)
	}
}
