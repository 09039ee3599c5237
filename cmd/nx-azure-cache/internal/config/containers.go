package config

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// OpenContainers opens the containers that hold scopes, by name. They share the
// credential, the connections and the memory. use is what they are for.
func (s Settings) OpenContainers(use permissions.Use, scopes []trust.Scope) (map[string]*azure.Container, error) {
	first, err := azure.Open(azure.Options{
		Container:          s.Container,
		Use:                use,
		ConnectionString:   s.ConnectionString,
		ConnectionVariable: s.connectionFrom,
		SASURL:             s.SASURL,
		SignIn:             s.signIn(),
		Cloud:              s.cloud,
		AccountName:        s.AccountName,
		Endpoint:           s.Endpoint,
		TrustedHosts:       s.trustedHosts,
		Limits:             s.Limits,
		Environment:        s.environment,
	})
	if err != nil {
		return nil, err
	}
	containers := map[string]*azure.Container{s.Container: first}
	for _, scope := range scopes {
		name := s.ContainerOf(scope)
		if containers[name] != nil {
			continue
		}
		if containers[name], err = first.Sibling(name); err != nil {
			return nil, err
		}
	}
	return containers, nil
}
