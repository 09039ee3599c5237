package azure_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// outcome returns how the layers above classify an error.
type outcome string

const (
	success     outcome = "success"
	notFound    outcome = "cache.ErrNotFound"
	exists      outcome = "cache.ErrExists"
	configError outcome = "*cache.ConfigError"
	unreadable  outcome = "*cache.UnreadableError"
	plain       outcome = "another error"
)

func outcomeOf(err error) outcome {
	_, isConfig := errors.AsType[*cache.ConfigError](err)
	_, isUnreadable := errors.AsType[*cache.UnreadableError](err)
	switch {
	case err == nil:
		return success
	case isUnreadable:
		return unreadable
	case isConfig:
		return configError
	case errors.Is(err, cache.ErrNotFound):
		return notFound
	case errors.Is(err, cache.ErrExists):
		return exists
	default:
		return plain
	}
}

func TestResponses(t *testing.T) {
	const none = "" // no x-ms-error-code, as from a proxy
	for _, test := range []struct {
		status            int
		code              string
		get, put, replace outcome
		retried           bool
	}{
		{400, "InvalidHeaderValue", plain, plain, plain, false},
		{400, none, plain, plain, plain, false},
		{401, "NoAuthenticationInformation", configError, configError, configError, false},
		{401, none, configError, configError, configError, false},
		{403, "AuthenticationFailed", configError, configError, exists, false},
		{403, "AuthorizationFailure", configError, configError, exists, false},
		{403, "AuthorizationPermissionMismatch", configError, configError, exists, false},
		{403, "InsufficientAccountPermissions", configError, configError, exists, false},
		{403, "KeyBasedAuthenticationNotPermitted", configError, configError, exists, false},
		{403, "UnauthorizedBlobOverwrite", configError, exists, exists, false},
		{403, none, configError, configError, exists, false},
		{404, "BlobNotFound", notFound, plain, exists, false},
		{408, none, plain, plain, plain, true},
		{404, "ResourceNotFound", notFound, plain, exists, false},
		{404, none, notFound, plain, exists, false},
		{404, "ContainerNotFound", configError, configError, configError, false},
		{404, "ContainerBeingDeleted", configError, configError, configError, false},
		{409, "BlobAlreadyExists", unreadable, exists, exists, false},
		{409, "BlobImmutableDueToPolicy", unreadable, exists, exists, false},
		{409, "BlobArchived", unreadable, exists, exists, false},
		{409, "BlobBeingRehydrated", unreadable, exists, exists, false},
		{409, "ConflictThatIsNew", unreadable, plain, plain, false},
		{409, "AccountBeingCreated", configError, configError, configError, false},
		{409, "LeaseIdMissing", unreadable, exists, exists, false},
		{412, "LeaseIdMissing", unreadable, exists, exists, false},
		{409, "PendingCopyOperation", unreadable, exists, exists, false},
		{409, "ContainerBeingDeleted", configError, configError, configError, false},
		{409, none, plain, plain, plain, false},
		{412, "ConditionNotMet", notFound, exists, exists, false},
		{412, none, plain, exists, exists, false},
		{416, "InvalidRange", plain, plain, plain, false},
		{429, none, plain, plain, plain, true},
		{500, "InternalError", plain, plain, plain, true},
		{502, none, plain, plain, plain, true},
		{503, "ServerBusy", plain, plain, plain, true},
		{504, none, plain, plain, plain, true},
	} {
		t.Run(fmt.Sprintf("%d %s", test.status, test.code), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, test.status, test.code) })
			want := 1
			if test.retried {
				want = tries
			}
			c := s.container(t)
			var wg sync.WaitGroup // retries take their time
			wg.Go(func() {
				_, err := get(t, c, "a/b")
				if got := outcomeOf(err); got != test.get {
					t.Errorf("get: got %s (%v), want %s", got, err, test.get)
				}
			})
			wg.Go(func() {
				err := put(t, c, "a/b", "content")
				if got := outcomeOf(err); got != test.put {
					t.Errorf("put: got %s (%v), want %s", got, err, test.put)
				}
			})
			wg.Go(func() {
				err := c.Replace(t.Context(), "c", `"1"`, strings.NewReader("content"), cache.Metadata{"format": "1"})
				if got := outcomeOf(err); got != test.replace {
					t.Errorf("replace: got %s (%v), want %s", got, err, test.replace)
				}
			})
			wg.Wait()

			got := make(map[string]int)
			for _, r := range s.seen() {
				got[r.method]++
				if r.method == http.MethodPut && r.header.Get("If-Match") != "" {
					got["replace"]++
				}
			}
			gets := want
			if test.status == http.StatusRequestedRangeNotSatisfiable {
				gets++ // one more request without a range
			}
			// Azure may check permissions before it checks whether the blob exists.
			isAboutRights := test.code == "AuthorizationPermissionMismatch" || test.code == "InsufficientAccountPermissions"
			if heads := got[http.MethodHead]; (heads == 1) != isAboutRights || heads > 1 {
				t.Errorf("got %d requests for the blob's properties", heads)
			}
			delete(got, http.MethodHead)
			if len(got) != 3 || got[http.MethodGet] != gets || got[http.MethodPut] != 2*want || got["replace"] != want {
				t.Errorf("got %v requests, want %d of each, %d gets", got, want, gets)
			}
		})
	}
}

// The body of a 404 does not matter (nx#31134).
func TestF06MissWithAnyBody(t *testing.T) {
	for _, test := range []struct{ name, contentType, body string }{
		{"empty", "", ""},
		{"HTML of a proxy", "text/html", "<html><body><h1>404 Not Found</h1></body></html>"},
		{"JSON", "application/json", `{"error":"nothing here"}`},
		{"broken XML", "application/xml", "<Error><Code>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(test.body))
			})
			if _, err := get(t, s.container(t), "a"); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("got %v, want %v", err, cache.ErrNotFound)
			}
		})
	}
}

// The lines with which users fix errors.
func TestErrorLines(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		code   string
		want   string // below the URL of the container
	}{
		{"no container", 404, "ContainerNotFound",
			`container "results" does not exist (URL): create it with ` +
				"`az storage container create --account-name account --name results --auth-mode login`, or correct azure.container in nx.json"},
		{"a proxy refuses", 403, "",
			"URL is unreachable: something else responded in its place (403): a proxy, firewall or captive portal; " +
				"allow 127.0.0.1 there, sign in to the network, or correct HTTPS_PROXY and NO_PROXY"},
		{"a proxy fails", 400, "", "get URL/a/b: the response was 400 and did not come from Azure: a proxy or gateway sent it"},
		{"Azure fails", 400, "InvalidUri", "get URL/a/b: the response was 400 InvalidUri"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, test.status, test.code) })
			c := s.container(t)
			_, err := get(t, c, "a/b")
			if got, want := fmt.Sprint(err), replaceURL(test.want, c.URL()); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			diagnostictest.CheckError(t, err)
		})
	}
}

// Errors about permissions differ from those about the credential or the network.
func TestNotPermitted(t *testing.T) {
	for code, want := range map[string]bool{
		"AuthorizationPermissionMismatch":    true,
		"InsufficientAccountPermissions":     true,
		"AuthorizationResourceTypeMismatch":  true,
		"AuthorizationServiceMismatch":       true,
		"AuthenticationFailed":               false,
		"AuthorizationFailure":               false,
		"AuthorizationSourceIPMismatch":      false,
		"KeyBasedAuthenticationNotPermitted": false,
		"":                                   false, // a proxy
	} {
		s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, code) })
		err := put(t, s.container(t), "a", "content")
		refused, got := errors.AsType[*explain.NotPermittedError](err)
		if got != want || got && refused.Status != "403 "+code || outcomeOf(err) != configError {
			t.Errorf("%s: got %v, %v; want %v", code, err, got, want)
		}
	}
}
