package ingress

import (
	"context"
	"errors"
	"strings"
)

// allProof is satisfied when every one of its proofs is.
type allProof []proof

func allOf(verifiers []Verifier, secrets []string, depth int) (proof, error) {
	var all allProof
	for _, v := range verifiers {
		if v.None {
			return nil, errors.New("all: none proves nothing beside others")
		}
		p, err := v.nested(secrets, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (p allProof) glance(e *evidence) error {
	for _, one := range p {
		if err := one.glance(e); err != nil {
			return err
		}
	}
	return nil
}

func (p allProof) prove(ctx context.Context, e *evidence) error {
	for _, one := range p {
		if err := one.prove(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (p allProof) sign(e *evidence) error {
	for _, one := range p {
		if err := one.sign(e); err != nil {
			return err
		}
	}
	return nil
}

func (p allProof) challenge() string {
	for _, one := range p {
		if challenge := one.challenge(); challenge != ipChallenge {
			return challenge
		}
	}
	return ipChallenge
}

// anyProof is satisfied when one of its proofs is.
type anyProof []proof

// anyProofOf compiles alternatives. Each takes the secrets that are written as it
// wants them; a secret that none takes is a mistake.
func anyProofOf(verifiers []Verifier, secrets []string, depth int) (proof, error) {
	var one anyProof
	taken, needed := map[string]bool{}, false
	for _, v := range verifiers {
		fit := secrets
		if v.needsSecret() {
			fit, needed = nil, true
			for _, secret := range secrets {
				if _, err := v.nested([]string{secret}, depth+1); err == nil {
					fit, taken[secret] = append(fit, secret), true
				}
			}
		}
		p, err := v.nested(fit, depth+1)
		if errors.Is(err, errNoSecret) && len(secrets) > 0 {
			continue // they are written for another one
		}
		if err != nil {
			return nil, err
		}
		one = append(one, p)
	}
	for _, secret := range secrets {
		if needed && !taken[secret] {
			return nil, errors.New("secret: no way to prove under any takes a secret that is written like this")
		}
	}
	return one, nil
}

func (p anyProof) glance(e *evidence) error {
	return p.first(func(one proof) error { return one.glance(e) })
}

func (p anyProof) prove(ctx context.Context, e *evidence) error {
	return p.first(func(one proof) error { return one.prove(ctx, e) })
}

// first returns nil when one proof is satisfied, else what they miss.
func (p anyProof) first(try func(proof) error) error {
	var missing []string
	for _, one := range p {
		err := try(one)
		if err == nil {
			return nil
		}
		if errors.Is(err, errKeys) {
			return err
		}
		missing = append(missing, err.Error())
	}
	return errors.New(strings.Join(missing, "; or: "))
}

func (p anyProof) sign(e *evidence) error { return p[0].sign(e) }

func (p anyProof) challenge() string { return p[0].challenge() }
