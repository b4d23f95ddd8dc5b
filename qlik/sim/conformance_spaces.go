package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/qlikgateway/gateway/qlik"
)

// spaceChecks are the checks of the chapter on spaces.
func (s *Suite) spaceChecks() []Check {
	return []Check{
		{"listSpaces", s.listSpaces},
		{"createSpace", s.createSpace},
		{"getSpace", s.getSpace},
		{"updateSpace", s.updateSpace},
		{"patchSpace", s.patchSpace},
		{"deleteSpace", s.deleteSpace},
		{"listSpaceAssignments", s.listSpaceAssignments},
		{"createSpaceAssignment", s.createSpaceAssignment},
		{"getSpaceAssignment", s.getSpaceAssignment},
		{"updateSpaceAssignment", s.updateSpaceAssignment},
		{"deleteSpaceAssignment", s.deleteSpaceAssignment},
		{"listSpaceTypes", s.listSpaceTypes},
	}
}

func (s *Suite) listSpaces(ctx context.Context) error {
	id, err := s.space(ctx, &s.shared, qlik.SpaceShared)
	if err != nil {
		return err
	}
	if _, err := s.space(ctx, &s.managed, qlik.SpaceManaged); err != nil {
		return err
	}
	for space, err := range s.client.Spaces(ctx, qlik.SpaceQuery{Type: qlik.SpaceShared, Limit: 1}) {
		if err != nil {
			return err
		}
		if space.Type != qlik.SpaceShared {
			return fmt.Errorf("asked for shared spaces, got a %s one", space.Type)
		}
		if space.ID == id {
			return nil
		}
	}
	return fmt.Errorf("a space that exists is not listed")
}

// fresh makes a space of its own for a check that changes one.
func (s *Suite) fresh(ctx context.Context, what string) (qlik.Space, error) {
	made, err := s.client.CreateSpace(ctx, qlik.SpaceCreate{Name: s.name(what), Type: qlik.SpaceShared, Description: "Made by a test"})
	if err == nil {
		s.spaces = append(s.spaces, made.ID)
	}
	return made, err
}

func (s *Suite) createSpace(ctx context.Context) error {
	made, err := s.fresh(ctx, "new space")
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{
		"name": made.Name == s.name("new space"), "type": made.Type == qlik.SpaceShared, "ownerId": made.OwnerID != "",
	}); err != nil {
		return err
	}
	_, err = s.client.CreateSpace(ctx, qlik.SpaceCreate{Name: made.Name, Type: qlik.SpaceShared})
	var e *qlik.Error
	if !errors.As(err, &e) || e.Status != 409 {
		return fmt.Errorf("for a name that is taken: got %w, want 409", err)
	}
	return nil
}

func (s *Suite) getSpace(ctx context.Context) error {
	id, err := s.space(ctx, &s.shared, qlik.SpaceShared)
	if err != nil {
		return err
	}
	got, err := s.client.GetSpace(ctx, id)
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{"id": got.ID == id, "name": got.Name == s.shared.Name}); err != nil {
		return err
	}
	_, err = s.client.GetSpace(ctx, noID)
	return wantMissing(err)
}

func (s *Suite) updateSpace(ctx context.Context) error {
	made, err := s.fresh(ctx, "updated space")
	if err != nil {
		return err
	}
	description := "Changed by a test"
	got, err := s.client.UpdateSpace(ctx, made.ID, qlik.SpaceUpdate{Name: made.Name + "!", Description: &description})
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"name": got.Name == made.Name+"!", "description": got.Description == description, "ownerId": got.OwnerID == made.OwnerID,
	})
}

func (s *Suite) patchSpace(ctx context.Context) error {
	made, err := s.fresh(ctx, "patched space")
	if err != nil {
		return err
	}
	got, err := s.client.PatchSpace(ctx, made.ID, qlik.JSONPatch{Op: "replace", Path: "/description", Value: "Patched by a test"})
	if err != nil {
		return err
	}
	return expect(map[string]bool{"name": got.Name == made.Name, "description": got.Description == "Patched by a test"})
}

func (s *Suite) deleteSpace(ctx context.Context) error {
	made, err := s.fresh(ctx, "deleted space")
	if err != nil {
		return err
	}
	if err := s.client.DeleteSpace(ctx, made.ID); err != nil {
		return err
	}
	_, err = s.client.GetSpace(ctx, made.ID)
	return wantMissing(err)
}

// assigned gives a space of its own with one assignment, of its owner.
func (s *Suite) assigned(ctx context.Context, what string) (string, qlik.SpaceAssignment, error) {
	made, err := s.fresh(ctx, what)
	if err != nil {
		return "", qlik.SpaceAssignment{}, err
	}
	a, err := s.client.CreateSpaceAssignment(ctx, made.ID, qlik.SpaceAssignmentCreate{
		Type: qlik.AssigneeUser, AssigneeID: made.OwnerID, Roles: []string{"consumer"},
	})
	return made.ID, a, err
}

func (s *Suite) listSpaceAssignments(ctx context.Context) error {
	space, made, err := s.assigned(ctx, "listed assignments")
	if err != nil {
		return err
	}
	for a, err := range s.client.SpaceAssignments(ctx, space) {
		if err != nil || a.ID == made.ID {
			return err
		}
	}
	return fmt.Errorf("an assignment that exists is not listed")
}

func (s *Suite) createSpaceAssignment(ctx context.Context) error {
	space, made, err := s.assigned(ctx, "new assignment")
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"type": made.Type == qlik.AssigneeUser, "roles": slices.Equal(made.Roles, []string{"consumer"}), "spaceId": made.SpaceID == space,
	})
}

func (s *Suite) getSpaceAssignment(ctx context.Context) error {
	space, made, err := s.assigned(ctx, "assignment")
	if err != nil {
		return err
	}
	got, err := s.client.GetSpaceAssignment(ctx, space, made.ID)
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{"id": got.ID == made.ID, "assigneeId": got.AssigneeID == made.AssigneeID}); err != nil {
		return err
	}
	_, err = s.client.GetSpaceAssignment(ctx, space, noID)
	return wantMissing(err)
}

func (s *Suite) updateSpaceAssignment(ctx context.Context) error {
	space, made, err := s.assigned(ctx, "updated assignment")
	if err != nil {
		return err
	}
	got, err := s.client.UpdateSpaceAssignment(ctx, space, made.ID, "producer")
	if err != nil {
		return err
	}
	return expect(map[string]bool{"id": got.ID == made.ID, "roles": slices.Equal(got.Roles, []string{"producer"})})
}

func (s *Suite) deleteSpaceAssignment(ctx context.Context) error {
	space, made, err := s.assigned(ctx, "deleted assignment")
	if err != nil {
		return err
	}
	if err := s.client.DeleteSpaceAssignment(ctx, space, made.ID); err != nil {
		return err
	}
	_, err = s.client.GetSpaceAssignment(ctx, space, made.ID)
	return wantMissing(err)
}

func (s *Suite) listSpaceTypes(ctx context.Context) error {
	types, err := s.client.ListSpaceTypes(ctx)
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"shared": slices.ContainsFunc(types, func(t qlik.SpaceType) bool { return t.Type == qlik.SpaceShared }),
	})
}
