package explain

import (
	"fmt"
	"net/http"
	"strings"
)

// IsAzure reports whether Azure, or an emulator, sent a response with this header: all of
// its responses have headers of its own.
func IsAzure(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Ms-") {
			return true
		}
	}
	return false
}

// InterceptedError reports that something else responded in place of Azure.
type InterceptedError struct{ Response *http.Response }

func (e *InterceptedError) Error() string { return "something else responded in place of Azure" }

// IsHTML reports whether a response that looks successful is an HTML page, such as that
// of a captive portal or a firewall.
func IsHTML(contentType *string, requestID *string) bool {
	return requestID == nil && contentType != nil && strings.HasPrefix(strings.ToLower(*contentType), "text/html")
}

// Intercepted says what may have responded, as far as the response shows it.
func (c *Container) Intercepted(other *InterceptedError) string {
	what, server := "an HTML page", ""
	if response := other.Response; response != nil {
		if response.StatusCode != http.StatusOK {
			what = fmt.Sprint(response.StatusCode)
		}
		for _, header := range []string{"Server", "Via"} {
			if name := response.Header.Get(header); name != "" && server == "" {
				server = fmt.Sprintf(", %s: %.120q", header, name)
			}
		}
	}
	through := ""
	if proxy := c.proxy(); proxy.Address != "" {
		through = "; requests go through " + proxy.String()
	}
	return c.Scrub(fmt.Sprintf("%s is unreachable: something else responded in its place (%s%s): a proxy, firewall or captive portal%s; "+
		"allow %s there, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", c.URL, what, server, through, c.host()))
}
