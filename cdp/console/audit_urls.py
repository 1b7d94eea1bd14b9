"""The audit trail's part of /api/v1/."""

from django.urls import path

from cdp.console.audit_views import EntriesView, EntryView

urlpatterns = [
    path("audit/entries/", EntriesView.as_view(), name="audit-entries"),
    path("audit/entries/<int:sequence>/", EntryView.as_view(), name="audit-entry"),
]
