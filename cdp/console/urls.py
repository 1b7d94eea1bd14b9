"""REST paths of this room, below /api/v1/."""

from django.urls import path

from cdp.console import detail_views, group_views, lookup_views, views

urlpatterns = [
    path("profiles/", views.ProfilesView.as_view(), name="profiles"),
    path("profiles/lookup/", lookup_views.LookupView.as_view(), name="profile-lookup"),
    path("profiles/bulk/", lookup_views.BulkView.as_view(), name="profile-bulk"),
    path("profiles/<uuid:profile_id>/", views.ProfileView.as_view(), name="profile"),
    path("profiles/<uuid:profile_id>/segments/", views.ProfileSegmentsView.as_view(), name="profile-segments"),
    path("profiles/<uuid:profile_id>/timeline/", detail_views.TimelineView.as_view(), name="profile-timeline"),
    path("profiles/<uuid:profile_id>/provenance/", detail_views.ProvenanceView.as_view(), name="profile-provenance"),
    path("profiles/<uuid:profile_id>/consents/", detail_views.ConsentsView.as_view(), name="profile-consents"),
    path("profiles/<uuid:profile_id>/why/", detail_views.WhyView.as_view(), name="profile-why"),
    path("profiles/<uuid:profile_id>/reveal/", detail_views.RevealView.as_view(), name="profile-reveal"),
    path("profiles/<uuid:profile_id>/groups/", group_views.ProfileGroupsView.as_view(), name="profile-groups"),
    path("groups/", group_views.GroupsView.as_view(), name="groups"),
    path("groups/lookup/", group_views.GroupLookupView.as_view(), name="group-lookup"),
    path("groups/<uuid:group_id>/", group_views.GroupView.as_view(), name="group"),
    path("groups/<uuid:group_id>/members/", group_views.GroupMembersView.as_view(), name="group-members"),
]
