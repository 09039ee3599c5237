package azure_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// If an emulator or an older service does not know the API version, the error names the
// version and the fix once.
func TestUnknownAPIVersion(t *testing.T) {
	says := regexp.MustCompile(`^the service at http://127\.0\.0\.1:\d+/\S+ does not support the API version 20\d\d-\d\d-\d\d \(400 InvalidHeaderValue\): start Azurite with --skipApiVersionCheck, or update`)
	for name, test := range map[string]struct {
		body    string
		isKnown bool
	}{
		"Azurite": {body: "<Error><Code>InvalidHeaderValue</Code><Message>The API version 2026-12-06 is not supported by Azurite. Please upgrade Azurite to latest version and retry.</Message></Error>"},
		"Azure Stack": {body: "<Error><Code>InvalidHeaderValue</Code><Message>The value for one of the HTTP headers is not in the correct format.</Message>" +
			"<HeaderName>x-ms-version</HeaderName><HeaderValue>2026-12-06</HeaderValue></Error>"},
		"another header": {body: "<Error><Code>InvalidHeaderValue</Code><HeaderName>x-ms-range</HeaderName></Error>", isKnown: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("x-ms-error-code", "InvalidHeaderValue")
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, test.body)
			})
			c := s.container(t)
			_, reading := get(t, c, "a")
			for what, err := range map[string]error{"get": reading, "put": put(t, c, "a", "content")} {
				if test.isKnown {
					if outcomeOf(err) != plain || strings.Contains(fmt.Sprint(err), "API version") {
						t.Errorf("%s: got %v, want no word of the version", what, err)
					}
				} else if outcomeOf(err) != configError || !says.MatchString(fmt.Sprint(err)) {
					t.Errorf("%s: got %v, want %s", what, err, says)
				}
			}
		})
	}
}
