package azuretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Authority is the part of Microsoft Entra ID that issues tokens to apps: what the
// Microsoft Authentication Library requests from AZURE_AUTHORITY_HOST. It must be served
// with TLS. `azurite --oauth basic` accepts its tokens, because it checks only their
// claims.
type Authority struct {
	// Life is how long tokens are valid; 0 means an hour.
	Life time.Duration

	key *ecdsa.PrivateKey

	mu       sync.Mutex
	refusal  string
	requests []url.Values
}

// NewAuthority returns an authority that issues a token for every request.
func NewAuthority() *Authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &Authority{key: key}
}

// Refuse makes the authority reject token requests with an error such as "AADSTS7000215:
// Invalid client secret provided."; "" ends that.
func (a *Authority) Refuse(description string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusal = description
}

// Requests returns the forms of the token requests so far.
func (a *Authority) Requests() []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

// ServeHTTP implements [http.Handler].
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	base := "https://" + r.Host + "/" + tenant
	switch {
	case rest == "v2.0/.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                 base + "/v2.0",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"token_endpoint":         base + "/oauth2/v2.0/token",
		})
	case rest == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		a.issueToken(w, r, tenant)
	default:
		http.NotFound(w, r)
	}
}

func (a *Authority) issueToken(w http.ResponseWriter, r *http.Request, tenant string) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.requests = append(a.requests, r.PostForm)
	refusal := a.refusal
	a.mu.Unlock()
	if refusal != "" {
		writeJSON(w, http.StatusUnauthorized, map[string]any{
			"error": "invalid_client", "error_description": refusal + " Trace ID: 11111111-2222-3333-4444-555555555555 Correlation ID: " +
				"66666666-7777-8888-9999-000000000000 Timestamp: 2026-11-23 01:02:03Z",
		})
		return
	}
	life := a.Life
	if life == 0 {
		life = time.Hour
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": int(life.Seconds()), "access_token": a.token(tenant, r.PostForm.Get("client_id"), life),
	})
}

// token returns a token for storage, issued to an app.
func (a *Authority) token(tenant, app string, life time.Duration) string {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/" + tenant + "/",
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(life).Unix(),
		"appid": app, "oid": "0b1ec7", "tid": tenant,
	})
	text, err := token.SignedString(a.key)
	if err != nil {
		panic(fmt.Sprint("cannot sign a token: ", err)) // a key of this curve can
	}
	return text
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may have gone
}
