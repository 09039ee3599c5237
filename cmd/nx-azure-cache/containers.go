package main

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// openContainers opens the containers that hold scopes, by name. They share what
// can be shared: the sign-in, the connections, the memory.
func (s settings) openContainers(scopes []trust.Scope) (map[string]*azure.Container, error) {
	first, err := azure.Open(azure.Options{
		Container:          s.container,
		ConnectionString:   s.connectionString,
		ConnectionVariable: s.connectionFrom,
		SASURL:             s.sasURL,
		SignIn:             s.signIn(),
		Cloud:              s.cloud,
		AccountName:        s.accountName,
		Endpoint:           s.endpoint,
		TrustedHosts:       s.trustedHosts,
		Limits:             s.limits,
		Environment:        s.environment,
	})
	if err != nil {
		return nil, err
	}
	containers := map[string]*azure.Container{s.container: first}
	for _, scope := range scopes {
		name := s.containerOf(scope)
		if containers[name] != nil {
			continue
		}
		if containers[name], err = first.Sibling(name); err != nil {
			return nil, err
		}
	}
	return containers, nil
}
