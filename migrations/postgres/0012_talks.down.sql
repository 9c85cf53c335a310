DROP TABLE ratings, talks;
