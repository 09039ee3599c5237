package main

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// open finds out whether a run has a cache, and makes it. Whatever is missing
// or wrong is the session's reason; it sends nothing over the network.
func open(config json.RawMessage, ci bool, workspaceRoot string, getenv func(string) string, now time.Time) rpc.Session {
	settings, warnings, problem := readSettings(config, ci, getenv)
	session := rpc.Session{Mode: settings.mode, Warnings: warnings}
	if settings.mode == cache.NoCache {
		session.Reason = "the mode is no-cache"
		return session
	}
	licence, err := checkLicence(&session, workspaceRoot, getenv, now)
	if err == nil && problem == nil {
		problem = openCache(&session, settings)
	}
	if err := errors.Join(err, problem); err != nil {
		session.Reason = strings.ReplaceAll(err.Error(), "\n", "; ")
		return session
	}
	if warning, soon := licence.ExpiresSoon(now); soon {
		session.Warnings = append(session.Warnings, warning)
	}
	session.Scope = cache.ScopeShared
	return session
}

// checkLicence notes in the session what is known of the licence. The error
// says why it is not enough.
func checkLicence(session *rpc.Session, workspaceRoot string, getenv func(string) string, now time.Time) (license.License, error) {
	keys, err := license.Issuers()
	if err != nil {
		return license.License{}, err
	}
	licence := license.Check(license.Find(getenv, workspaceRoot), keys, now)
	session.License = rpc.LicenseResult{Status: string(licence.Status), Organization: licence.Organization}
	if !licence.ExpiresAt.IsZero() {
		session.License.ExpiresAt = licence.ExpiresAt.Format(time.RFC3339)
	}
	if licence.Status != license.Valid {
		return licence, errors.New(licence.Reason)
	}
	return licence, nil
}

// openCache stacks what stands between a request and Azure: the one visible
// place where that is decided.
func openCache(session *rpc.Session, s settings) error {
	container, err := azure.Open(azure.Options{
		Container:        s.container,
		ConnectionString: s.connectionString,
		AccountName:      s.accountName,
		Endpoint:         s.endpoint,
		Limits:           s.limits,
	})
	if err != nil {
		return err
	}
	namespace := cache.Namespace{Prefix: s.prefix, Scope: cache.ScopeShared}
	session.Cache = cache.New(cache.NewBreaker(container), s.mode, namespace)
	session.Location = strings.TrimSuffix(container.URL()+"/"+s.prefix, "/")
	session.Silence = s.limits.Silence()
	session.Drain = s.drain
	session.Warm = container.Warm
	return nil
}
