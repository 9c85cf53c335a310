DROP TABLE ratings;
DROP TABLE talks;
