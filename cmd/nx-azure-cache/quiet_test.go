package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// loud holds all variables that make a library print its requests and responses.
var loud = testenv.Env{"AZURE_SDK_GO_LOGGING": "all", "GODEBUG": "http2debug=2"}

// talkative responds with the whole request, as details of Azure's errors do, and then
// sends bytes that belong to no response.
func talkative(t *testing.T) *httptest.Server {
	t.Helper()
	respond := echo(http.StatusForbidden, "AuthenticationFailed")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		respond(recorder, r)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		body := recorder.Body.String()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 403 No\r\nX-Ms-Error-Code: AuthenticationFailed\r\nX-Ms-Request-Id: 1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		_, _ = fmt.Fprintf(conn, "unsolicited %s", r.URL)
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	return server
}

// Variables with which people debug their own programs have no effect on this one,
// because the output of libraries may contain a SAS.
func TestLibrariesPrintNothing(t *testing.T) {
	const sas = "sv=2025-11-05&sr=c&sp=rc&se=2099-01-01T00:00:00Z&sig=TOPSECRET"
	server := talkative(t)
	environment := testenv.Env{
		license.Variable:          testenv.License(t, "valid.jwt"),
		config.ConnectionVariable: "BlobEndpoint=" + server.URL + "/account;SharedAccessSignature=" + sas,
	}
	for name, value := range loud {
		environment[name] = value
	}
	t.Run("serve", func(t *testing.T) {
		p := startProcess(t, environment, "serve")
		s := p.session()
		work(t, s)
		s.Close()
		if code := p.exit(); code != 0 || p.stderr.String() != "" {
			t.Errorf("got the exit code %d and %q on stderr, want 0 and nothing", code, p.stderr)
		}
	})
	t.Run("ls", func(t *testing.T) {
		p := startProcess(t, environment, "ls", "--container", "artifacts")
		p.exit()
		if got := p.stderr.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "TOPSECRET") || !strings.HasPrefix(got, "nx-azure-cache") {
			t.Errorf("got %q on stderr, want our line only", got)
		}
	})
}
